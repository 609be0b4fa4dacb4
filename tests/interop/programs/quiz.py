"""Questions in splits, with the answers scored by a rubric: as they are written for openenv 0.10."""

# ruff: noqa: UP045  # typed as published code is
# mypy: disable-error-code="type-arg, no-any-return"

from typing import Any, Optional

from openenv.core.env_server import Action, Environment, Observation, State, create_app
from openenv.core.rubrics import Gate, Rubric, Sequential, WeightedSum

SPLITS = {"train": ["1+1", "2+3", "9-2", "8/4"], "test": ["7*6"]}


class Answer(Action):
    text: str


class Question(Observation):
    question: str = ""
    scores: dict[str, Optional[float]] = {}  # noqa: RUF012 - a field of a pydantic model


class IsNumber(Rubric):
    def forward(self, action: Answer, observation: Question) -> float:
        return float(action.text.strip().isdigit())


class IsRight(Rubric):
    def forward(self, action: Answer, observation: Question) -> float:
        return float(
            action.text.strip()
            == {"1+1": "2", "2+3": "5", "9-2": "7", "8/4": "2", "7*6": "42"}.get(observation.question)
        )


class IsShort(Rubric):
    def __init__(self, longest: int) -> None:
        super().__init__()
        self.longest = longest

    def forward(self, action: Answer, observation: Question) -> float:
        return min(1.0, self.longest / max(1, len(action.text)))


class Graded(Rubric):
    def __init__(self) -> None:
        super().__init__()
        self.correct = Sequential(IsNumber(), IsRight())
        self.style = Gate(IsShort(2), threshold=0.5)
        self.total = WeightedSum([self.correct, self.style], weights=[0.75, 0.25])

    def forward(self, action: Answer, observation: Question) -> float:
        return self.total(action, observation)


class QuizEnvironment(Environment):
    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        super().__init__(rubric=Graded())
        self._question = ""

    def list_splits(self) -> list[Any]:
        return list(SPLITS)

    def list_tasks(self, split: str) -> list[Any]:
        return [{"question": question} for question in SPLITS[split]]

    def num_tasks(self, split: str) -> int:
        return len(SPLITS[split])

    def get_task(self, split: str, index: int) -> Any:
        return self.list_tasks(split)[index]

    def get_task_range(self, split: str, start: Optional[int] = None, stop: Optional[int] = None) -> list[Any]:
        return self.list_tasks(split)[start:stop]

    def reset(self, seed: Optional[int] = None, episode_id: Optional[str] = None, **kwargs: Any) -> Question:
        self._reset_rubric()
        self._question = self.get_task(kwargs.get("split", "train"), kwargs.get("index", 0))["question"]
        return Question(question=self._question)

    def step(self, action: Answer, timeout_s: Optional[float] = None, **kwargs: Any) -> Question:
        observation = Question(question=self._question, done=True)
        observation.reward = self._apply_rubric(action, observation)
        observation.scores = {name: rubric.last_score for name, rubric in self.rubric.named_rubrics()}  # type: ignore[union-attr]
        return observation

    @property
    def state(self) -> State:
        return State()


app = create_app(QuizEnvironment, Answer, Question, env_name="quiz")
