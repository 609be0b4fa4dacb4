from __future__ import annotations

from openenv.core.generic_client import GenericAction, GenericEnvClient
from openenv.testing import serve
from tests.core.driving import Drive, both_kinds
from tests.core.worlds import Counter


def test_an_action_made_of_keywords_is_a_dict() -> None:
    action = GenericAction(message="x", n=1)
    assert action == {"message": "x", "n": 1}
    assert repr(action) == "GenericAction(message='x', n=1)"
    assert GenericAction() == {}


@both_kinds
def test_it_drives_any_environment(drive: Drive) -> None:
    with serve(Counter) as server, drive(GenericEnvClient(base_url=server.base_url)) as env:
        result = env.reset(start=8)
        assert (result.observation, result.reward, result.done, result.metadata) == (
            {"metadata": {}, "total": 8},
            None,
            False,
            None,
        )
        assert env.step(GenericAction(amount=2)).done is True
        assert env.state() == {"episode_id": None, "step_count": 1}
