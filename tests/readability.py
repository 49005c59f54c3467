"""How hard the catalogue of texts is to read, by a formula for each language.

English: Flesch–Kincaid grade, 0.39 words a sentence + 11.8 syllables a word - 15.59. Spanish: Fernández Huerta's ease of reading,
206.84 - 60 syllables a word - 1.02 words a sentence, in which 70 is what pupils of the sixth grade read (INFLESZ calls 65 and
more "bastante fácil"); it is turned into a grade so that both have one scale: (130 - ease) / 10. Names are left out: what is
filled in, the platform, the hubs, file names and codes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_FILLED_IN = re.compile(r"%\(\w+\)[sd]")
_NAMES = re.compile(
    r"\b(?:Khan Academy(?: Districts)?|Google|Clever|ClassLink|Microsoft|Cognito|OneRoster|[A-Za-z_]+\.(?:csv|json|jsonl|zip)|"
    r"[a-z]+[A-Z]\w*|\w+_\w+|[A-Z]{2,})\b"
)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_END = re.compile(r"[.!?…]+(?=[\s”»]|$)|\n")
_LANGUAGES = ("en", "es")


@dataclass(frozen=True, slots=True)
class Measure:
    """Words, sentences and syllables of a text, names left out."""

    words: int = 0
    sentences: int = 0
    syllables: int = 0

    def __add__(self, other: Measure) -> Measure:
        return Measure(self.words + other.words, self.sentences + other.sentences, self.syllables + other.syllables)

    def grade(self, language: str) -> float:
        """The school grade that reads it; 0 where it has no words."""
        if not self.words:
            return 0.0
        long, many = self.words / self.sentences, self.syllables / self.words
        if language == "es":
            return (130 - (206.84 - 60 * many - 1.02 * long)) / 10
        return 0.39 * long + 11.8 * many - 15.59


def measure(text: str, language: str) -> Measure:
    """The measure of a text; what ends without a full stop is a sentence, too."""
    plain = _NAMES.sub(" ", _FILLED_IN.sub(" ", text))
    sentences = [words for part in _END.split(plain) if (words := _WORD.findall(part))]
    count = syllables_of_spanish if language == "es" else syllables_of_english
    words = [word.lower() for sentence in sentences for word in sentence]
    return Measure(len(words), len(sentences), sum(map(count, words)))


def measure_all(texts: Iterable[str], language: str) -> Measure:
    return sum((measure(text, language) for text in texts), Measure())


_VOWELS = re.compile(r"[aeiouy]+")
_EXCEPTIONS = {
    "anymore": 3, "area": 3, "being": 2, "clever": 2, "create": 2, "creates": 2, "created": 3, "district's": 2, "earlier": 3,
    "earliest": 3, "everybody": 4, "idea": 3, "people": 2, "really": 2, "recreate": 3, "recreated": 4, "somebody": 3,
    "someone": 2, "something": 2, "sometimes": 2, "themselves": 2, "trial": 2, "used": 1, "users": 2, "isn't": 2,
    "doesn't": 2, "didn't": 2, "wasn't": 2, "haven't": 2, "couldn't": 2,
}  # fmt: skip


def syllables_of_english(word: str) -> int:
    """The syllables of a lower-case word: groups of vowels, without a silent e at its end."""
    if word in _EXCEPTIONS:
        return _EXCEPTIONS[word]
    base = word.partition("'")[0].partition("’")[0]
    groups = len(_VOWELS.findall(base))
    if (
        groups > 1
        and re.search(r"[^aeiouy](?:e|es|ed)$", base)
        and not re.search(r"(?:[^aeiouy]le|[^aeiouy]les|[td]ed|(?:s|x|z|ch|sh|c|g)es)$", base)
    ):
        groups -= 1
    return max(1, groups)


_STRONG = "aeoáéó"
_WEAK = "iuü"


def syllables_of_spanish(word: str) -> int:
    """The syllables of a lower-case word: two strong vowels, or a weak one with an accent, are two of them."""
    plain = re.sub(r"qu(?=[eiéí])", "q", re.sub(r"gu(?=[eiéí])", "g", word))
    count, before = 0, ""
    for letter in plain:
        is_vowel = letter in "aeiouáéíóúü" or (letter == "y" and len(plain) == 1)
        if is_vowel:
            joins = (
                before and not (before in _STRONG and letter in _STRONG) and letter not in "íú" and before not in "íú"
            )
            count += not joins
        before = letter if is_vowel else ""
    return max(1, count)
