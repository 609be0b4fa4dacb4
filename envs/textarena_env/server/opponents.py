"""Who plays against the agent: anybody who makes a valid move."""

import copy
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from textarena_env.models import TextArenaMessage
from textarena_env.server.match import Match
from textarena_env.server.words import nouns

__all__ = ["random_move"]

_MOST_TRIES = 800
_MOST_DRAWS = 5000
_TOKEN = re.compile(r"\[[^\[\]\n]{1,60}\]")
_OFFER = re.compile(r"available|allowed|legal|valid|possible|choose|options", re.IGNORECASE)
_PART = re.compile(r"\d+|(?<![A-Za-z])[A-Za-z](?![A-Za-z])|<\w+>")
_FROM_AND_TO = re.compile(r"\[[a-z]\d(\W*)[a-z]\d\]")
_MOST_SQUARES = 3
_ROLE = re.compile(r"\[(?:GAME|Player(?: \d+)?)\]")
_NUMBER = re.compile(r"\d")
_NOUNS_BESIDE_NUMBERS, _NOUNS_BESIDE_WORDS = 0.02, 0.4


def random_move(match: Match, heard: list[TextArenaMessage]) -> str:
    """Return a move that is valid as far as trying it tells, drawn by the match's chance.

    Args:
        match: The game, in which the player whose move is wanted has the turn.
        heard: What that player has read.
    """
    first, tried = "", set[str]()
    for move in islice(_moves(match, heard), _MOST_DRAWS):
        if move in tried:
            continue
        tried.add(move)
        first = first or move
        if not copy.deepcopy(match).say(move):
            return move
        if len(tried) >= _MOST_TRIES:
            break
    return first


@dataclass(frozen=True)
class _Parts:
    """What moves are made of, as far as a player has seen.

    Attributes:
        letters: Letters that stand alone.
        numbers: Numbers.
    """

    letters: list[str]
    numbers: list[str]

    @classmethod
    def of(cls, texts: list[str]) -> "_Parts":
        """Find what stands in some texts."""
        found = sorted({part for text in texts for part in _PART.findall(text)})
        numbers = [part for part in found if part.isdigit() and len(part) <= 4]
        return cls([part for part in found if part.isalpha()] or list("abcdefgh"), numbers or ["0", "1", "2"])

    def another(self, part: str, chance: random.Random) -> str:
        """Return what may stand in the place of a part. Letters in rules may stand for numbers."""
        if not part.isalpha() or chance.random() < 1 / 3:
            return chance.choice(self.numbers) if chance.random() < 1 / 2 else str(chance.randrange(10))
        letter = chance.choice(self.letters)
        return letter.upper() if part.isupper() else letter.lower()


def _moves(match: Match, heard: list[TextArenaMessage]) -> Iterator[str]:
    """Draw moves without end: those that are offered, those of the rules, and what is written like them."""
    chance = match.chance.python
    offered, examples = _offered(match, heard), _tokens(match.prompt_of(match.current_player))
    for tokens in (offered, examples):
        chance.shuffle(tokens)
        yield from tokens
    patterns = offered + examples or ["[0]", "[a]"]
    parts = _Parts.of([match.prompt_of(match.current_player), *(message.content for message in heard[-3:])])
    nouns_share = _NOUNS_BESIDE_NUMBERS if any(_NUMBER.search(token) for token in patterns) else _NOUNS_BESIDE_WORDS
    while True:
        if chance.random() < nouns_share:
            yield f"[{chance.choice(nouns())}]"
        else:
            yield _alike(chance.choice(patterns), parts, chance)


def _alike(pattern: str, parts: _Parts, chance: random.Random) -> str:
    squares = _FROM_AND_TO.fullmatch(pattern)
    if not squares:
        return _PART.sub(lambda found: parts.another(found[0], chance), pattern)
    column, row = chance.randrange(8), chance.randrange(1, 9)
    along, across = (chance.randint(-_MOST_SQUARES, _MOST_SQUARES) for _ in range(2))
    to = f"{chr(ord('a') + (column + across) % 8)}{max(1, row + along)}"
    return f"[{chr(ord('a') + column)}{row}{squares[1]}{to}]"


def _offered(match: Match, heard: list[TextArenaMessage]) -> list[str]:
    """Return the moves that chess's rules allow, or that the last message with moves to choose from has."""
    legal = getattr(match.game_state.get("board"), "legal_moves", None)
    if legal:
        return [f"[{move}]" for move in legal]
    for message in reversed(heard):
        tokens = _tokens(message.content) if _OFFER.search(message.content) else []
        if tokens:
            return tokens
    return []


def _tokens(text: str) -> list[str]:
    return list(dict.fromkeys(_TOKEN.findall(_ROLE.sub("", text))))
