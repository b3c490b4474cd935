"""Korean particles: which of two forms follows a word is decided by the sound that the word ends in."""

import re

# Written in templates as 은(는), 이(가), 을(를), 과(와), (으)로, (이)라: the usual way to leave the choice open.
OPEN = re.compile(
    r"(?P<word>[\w%]+)(?P<quote>['\"’”」』»)]*)(?P<particle>은\(는\)|이\(가\)|을\(를\)|과\(와\)|\(으\)로|\(이\)라)"
)
AFTER_CONSONANT = {"은(는)": "은", "이(가)": "이", "을(를)": "을", "과(와)": "과", "(으)로": "으로", "(이)라": "이라"}
AFTER_VOWEL = {"은(는)": "는", "이(가)": "가", "을(를)": "를", "과(와)": "와", "(으)로": "로", "(이)라": "라"}
FIRST_SYLLABLE, LAST_SYLLABLE, FINALS = 0xAC00, 0xD7A3, 28
RIEUL = 8  # the final ㄹ takes 로, not 으로
# As the digits are read in Sino-Korean: 영 일 이 삼 사 오 육 칠 팔 구; 10, 100 and 1000 end in consonants like 0.
DIGIT_FINALS = {"0": 21, "1": RIEUL, "2": 0, "3": 16, "4": 0, "5": 0, "6": 1, "7": RIEUL, "8": RIEUL, "9": 0}
LETTER_FINALS = {"L": RIEUL, "R": RIEUL, "M": 16, "N": 4}  # 엘, 알, 엠, 엔; all other letter names end in vowels


def final_consonant(word: str) -> int:
    """Number of the final consonant of the last sound (0: none, 8: ㄹ), as in the Unicode syllable formula.

    Raises ValueError where the last character is neither a Korean syllable, a digit nor a Latin letter.
    """
    last = word[-1].upper()
    if FIRST_SYLLABLE <= ord(last) <= LAST_SYLLABLE:
        return (ord(last) - FIRST_SYLLABLE) % FINALS
    if last in DIGIT_FINALS:
        return DIGIT_FINALS[last]
    if "A" <= last <= "Z":
        return LETTER_FINALS.get(last, 0)
    raise ValueError(
        f"no Korean reading is known for {last!r} at the end of {word!r}: put a syllable, digit or letter there"
    )


def choose_particles(text: str) -> str:
    """Replace every open particle by the form that the word before it asks for."""
    return OPEN.sub(_choose, text)


def _choose(match: re.Match) -> str:
    particle, final = match["particle"], final_consonant(match["word"])
    light = final == 0 or (particle == "(으)로" and final == RIEUL)
    return match["word"] + match["quote"] + (AFTER_VOWEL if light else AFTER_CONSONANT)[particle]
