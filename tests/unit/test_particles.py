"""Korean particles against cases made by hand."""

import pytest

from langatlas.corpora.world.particles import choose_particles


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("프랑스은(는)", "프랑스는"),
        ("독일은(는)", "독일은"),
        ("일본이(가)", "일본이"),
        ("터키이(가)", "터키가"),
        ("서울을(를)", "서울을"),
        ("도쿄을(를)", "도쿄를"),
        ("중국과(와) 러시아과(와)", "중국과 러시아와"),
        ("서울(으)로", "서울로"),
        ("부산(으)로", "부산으로"),
        ("대구(으)로", "대구로"),
        ("이스탄불(이)라는", "이스탄불이라는"),
        ("뉴욕(이)라고", "뉴욕이라고"),
        ("베를린(으)로", "베를린으로"),
        ("‘십사’(이)라고", "‘십사’라고"),
        ("‘십’(이)라고", "‘십’이라고"),
        ("EUR은(는)", "EUR은"),
        ("ALL(으)로", "ALL로"),
        ("JPY을(를)", "JPY를"),
        ("KM과(와)", "KM과"),
        ("17을(를) 12을(를) 20을(를) 100은(는)", "17을 12를 20을 100은"),
        ("11(으)로 13(으)로 15(으)로 10(으)로", "11로 13으로 15로 10으로"),
        ("6과(와) 9과(와) 0이(가)", "6과 9와 0이"),
    ],
)
def test_the_particle_follows_the_final_sound(text, expected):
    assert choose_particles(text) == expected


def test_a_word_without_a_known_reading_is_refused():
    with pytest.raises(ValueError, match="no Korean reading is known for 'Д'"):
        choose_particles("город은(는)")
