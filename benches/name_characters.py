"""Writes crates/vocabulary/src/name_characters.txt from jieba's dictionary.

    python3 benches/name_characters.py dict.txt > crates/vocabulary/src/name_characters.txt

`dict.txt` is the dictionary of jieba (MIT), as in the sources of the crate jieba-rs. With
`--held-out` nothing is written; a fifth of the words is held out, and what the rest says of
them is printed.
"""

import collections
import math
import random
import sys

NAMES = {"nr", "nrt", "nrfg", "ns", "nt"}
PLACES = ("first", "middle", "last")
# Characters with fewer words say nothing.
LEAST_WORDS = 10
GREATEST_NATS = 4
# Added to the counts of every character, and about the number of characters and places.
SMOOTHING, KINDS = 1, 8000


def words(path):
    """Words of two to five ideographs, and whether they are names. Other proper names (nz)
    are of all kinds: left out."""
    for line in open(path, encoding="utf-8"):
        word, _, tag = line.split()
        if 2 <= len(word) <= 5 and tag != "nz" and all("\u4e00" <= c <= "\u9fff" for c in word):
            yield word, tag in NAMES


def parts(word):
    return [(0, word[0])] + [(1, c) for c in word[1:-1]] + [(2, word[-1])]


def learn(words):
    counts, totals = (collections.Counter(), collections.Counter()), [0, 0]
    for word, is_name in words:
        for part in parts(word):
            counts[is_name][part] += 1
            totals[is_name] += 1
    share = lambda part, kind: (counts[kind][part] + SMOOTHING) / (totals[kind] + KINDS)
    nats = {
        part: round(math.log(share(part, True) / share(part, False)))
        for part in set(counts[0]) | set(counts[1])
        if counts[0][part] + counts[1][part] >= LEAST_WORDS
    }
    bounded = {part: max(-GREATEST_NATS, min(GREATEST_NATS, n)) for part, n in nats.items()}
    return {part: n for part, n in bounded.items() if n}


def score(nats, word):
    return sum(nats.get(part, 0) for part in parts(word)) / len(word)


def held_out(known):
    random.Random(1).shuffle(known)
    fifth = len(known) // 5
    nats = learn(known[fifth:])
    scored = sorted((score(nats, word), len(word), is_name) for word, is_name in known[:fifth])
    names = sum(is_name for _, _, is_name in scored)
    ranks = sum(rank for rank, (_, _, is_name) in enumerate(scored, 1) if is_name)
    pairs = names * (len(scored) - names)
    print(f"area under the curve {(ranks - names * (names + 1) / 2) / pairs:.4f}")
    for least, in_all in ((0.5, 0), (1.0, 0), (1.0, 3)):
        called = [is_name for value, length, is_name in scored if value >= least and value * length >= in_all]
        print(f"from {least}, {in_all} in all: precision {sum(called) / len(called):.3f}, "
              f"recall {sum(called) / names:.3f}")


def write(nats):
    print("# How much more often a character stands in names (of people, places, organisations) than in")
    print("# other words of jieba's dictionary (MIT), in whole nats, at the first place of a word, between,")
    print("# and at the last: words of two to five characters, characters with ten words or more.")
    print("# Made by benches/name_characters.py.")
    for at, place in enumerate(PLACES):
        for n in (4, 3, 2, 1, -1, -2, -3, -4):
            characters = sorted(c for (where, c), nat in nats.items() if (where, nat) == (at, n))
            if characters:
                print(place, n, "".join(characters))


if __name__ == "__main__":
    known = list(words(sys.argv[1]))
    held_out(known) if "--held-out" in sys.argv else write(learn(known))
