"""CharTokenizer: nothing is lost, nothing unknown passes, no damaged file is overwritten."""

import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from capstone.data import CharTokenizer
from capstone.errors import DataError, UnknownCharacterError, UsageError

# Every code point, unpaired surrogates included: Python allows them in a str.
texts = st.text(st.characters(exclude_categories=()), min_size=1)


@example("\ud83d\ude00")  # two unpaired surrogates that must not become one character
@given(texts)
def test_decode_inverts_encode(text):
    tokenizer = CharTokenizer.from_text(text)
    assert tokenizer.decode(tokenizer.encode(text)) == text


@given(texts, texts)
def test_every_unknown_character_becomes_the_replacement(known, text):
    tokenizer = CharTokenizer.from_text(known)
    ids = tokenizer.encode(text, replacement=known[0])
    expected = "".join(c if c in known else known[0] for c in text)
    assert tokenizer.decode(ids) == expected


def test_ids_are_the_ranks_of_the_characters():
    assert CharTokenizer.from_text("banana!").encode("!abn").tolist() == [0, 1, 2, 3]


def test_ids_are_int64():
    assert CharTokenizer("ab").encode("ba").dtype == np.int64


def test_characters_are_sorted_and_counted():
    tokenizer = CharTokenizer.from_text("hello")
    assert (tokenizer.characters, tokenizer.vocab_size) == ("ehlo", 4)


def test_the_empty_text_has_no_ids():
    assert CharTokenizer("ab").encode("").shape == (0,)


def test_no_ids_are_the_empty_text():
    assert CharTokenizer("ab").decode([]) == ""


@pytest.mark.parametrize("unknown", ["!", "m", "\u00e9"])  # below, between and above the known
def test_unknown_character_is_named_with_its_place(unknown):
    rule = r"CharTokenizer.encode: unknown character: expected one of the 3 characters of the "
    got = rf"vocabulary, got '{unknown}' \(U\+{ord(unknown):04X}\) at position 2$"
    with pytest.raises(UnknownCharacterError, match=rule + got):
        CharTokenizer("abz").encode("ab" + unknown + "z" + unknown)


@pytest.mark.parametrize("replacement", ["?", "ab", ""])
def test_replacement_must_be_a_known_character(replacement):
    message = r"the replacement must be one character of the vocabulary: .* got '.*'$"
    with pytest.raises(UnknownCharacterError, match=message):
        CharTokenizer("abz").encode("ab", replacement=replacement)


@pytest.mark.parametrize("bad", [-1, 3])
def test_ids_out_of_range_are_rejected(bad):
    with pytest.raises(UsageError, match=rf"ids out of range: expected 0 <= id < 3, got {bad}$"):
        CharTokenizer("abz").decode(np.array([0, bad]))


def test_ids_that_are_no_integers_are_rejected():
    with pytest.raises(UsageError, match=r"ids must be an integer array: .* got float64$"):
        CharTokenizer("abz").decode(np.array([0.0]))


def test_duplicates_are_rejected():
    message = r"CharTokenizer: a character may occur only once .* got 'b' \(U\+0062\)$"
    with pytest.raises(UsageError, match=message):
        CharTokenizer("abbc")


def test_unsorted_characters_are_rejected():
    message = r"sorted by code point: .* got 'b' \(U\+0062\) before 'a' \(U\+0061\)$"
    with pytest.raises(UsageError, match=message):
        CharTokenizer("ba")


def test_an_empty_vocabulary_is_rejected():
    with pytest.raises(DataError, match=r"vocabulary must not be empty: .* got 0$"):
        CharTokenizer.from_text("")


@pytest.mark.parametrize("characters", ["\nab", "\u00e9\U0001f600", "\ud83d\ude00"])
def test_load_gives_back_what_was_saved(tmp_path, characters):
    CharTokenizer("".join(sorted(characters))).save(tmp_path / "tokenizer.json")
    loaded = CharTokenizer.load(tmp_path / "tokenizer.json")
    assert loaded.characters == "".join(sorted(characters))


def test_an_intact_file_is_replaced(tmp_path):
    path = tmp_path / "tokenizer.json"
    CharTokenizer("abc").save(path)
    CharTokenizer("xyz").save(path)
    assert CharTokenizer.load(path).characters == "xyz"


GOOD = {"format": "capstone-char-tokenizer", "version": 1, "characters": ["a", "b"]}
DAMAGED = {
    "empty": b"",
    "truncated": json.dumps(GOOD).encode()[:-5],
    "not-text": b"\xff\xfe\x00",
    "a-list": b"[1, 2]",
    "no-version": json.dumps({"format": GOOD["format"], "characters": ["a"]}).encode(),
    "version-2": json.dumps(GOOD | {"version": 2}).encode(),
    "other-format": json.dumps(GOOD | {"format": "other"}).encode(),
    "no-characters": json.dumps(GOOD | {"characters": []}).encode(),
    "numbers": json.dumps(GOOD | {"characters": [1, 2]}).encode(),
    "duplicates": json.dumps(GOOD | {"characters": ["a", "a"]}).encode(),
    "unsorted": json.dumps(GOOD | {"characters": ["b", "a"]}).encode(),
    "words": json.dumps(GOOD | {"characters": ["a", "bc"]}).encode(),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_does_not_load(tmp_path, content):
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    message = r"CharTokenizer.load: the file is no tokenizer or is damaged: .* version 1, got '.*'$"
    with pytest.raises(DataError, match=message):
        CharTokenizer.load(path)


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_not_overwritten(tmp_path, content):
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"CharTokenizer.save: the file is no tokenizer"):
        CharTokenizer("abc").save(path)
    assert path.read_bytes() == content


def test_a_missing_file_does_not_load(tmp_path):
    message = r"CharTokenizer.load: the file must exist: .* got nothing at '.*gone.json'$"
    with pytest.raises(DataError, match=message):
        CharTokenizer.load(tmp_path / "gone.json")


def test_saving_into_a_missing_folder_is_reported(tmp_path):
    message = r"CharTokenizer.save: the file must be writable: .* got No such file or directory at"
    with pytest.raises(DataError, match=message):
        CharTokenizer("abc").save(tmp_path / "gone" / "tokenizer.json")
