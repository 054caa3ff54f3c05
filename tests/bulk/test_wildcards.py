"""Which rows are a wildcard's, over zones of every sort, and how many questions that takes."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from tests.bulk.synthetic_zones import World, row, run, zones

from aioresolver.bulk.filters import Ask
from aioresolver.bulk.wildcards import Wildcards

TOP = "$ORIGIN test.\n@ 60 TXT top"
WILD = "$ORIGIN wild.test.\n* A 192.0.2.1\n" + "".join(f"real{i} A 192.0.2.{100 + i}\n" for i in range(20))


def names(pattern: str, count: int) -> list[str]:
    return [pattern.format(i) for i in range(count)]


def verdicts(
    asked: list[str], world: World, *, type: str = "A", **settings
) -> tuple[dict[str, bool | None], Wildcards]:
    """The verdict on each name that has records."""
    wildcards = Wildcards(**settings)
    rows, spent = run(wildcards, [(name, type) for name in asked], world)
    assert spent == wildcards.asked
    assert spent <= 20 + 0.05 * len(asked)
    judged = [row for row in rows if row.status in ("ok", "wildcard")]
    assert wildcards.wild + wildcards.real + wildcards.unknown == len(judged)
    return {row.input: row.wildcard for row in judged}, wildcards


def test_names_beside_a_wildcard():
    found, wildcards = verdicts(names("x{}.wild.test", 300) + names("real{}.wild.test", 20), zones(TOP, WILD))
    assert {name for name, wild in found.items() if not wild} == set(names("real{}.wild.test", 20))
    assert wildcards.asked < 15


def test_few_names_beside_a_wildcard():
    found, _ = verdicts(names("x{}.wild.test", 2) + names("real{}.wild.test", 2), zones(TOP, WILD))
    assert list(found.values()) == [True, True, False, False]


def test_a_single_name_of_each_sort():
    for name, wild in (("x.wild.test", True), ("real1.wild.test", False), ("real1.plain.test", False)):
        found, _ = verdicts([name], zones(TOP, WILD, WILD.replace("wild", "plain").replace("*", "other")))
        assert list(found.values()) == [wild]


def test_explicit_names_with_the_same_records_cannot_be_told_apart():
    found, _ = verdicts([*names("x{}.wild.test", 9), "same.wild.test"], zones(TOP, WILD + "same A 192.0.2.1"))
    assert found["same.wild.test"] is True


def test_dropped_rows_say_so_and_have_no_records():
    wildcards = Wildcards("drop")
    asked = [("x.wild.test", "A"), ("real1.wild.test", "A"), ("x.elsewhere.test", "A")]
    rows, _ = run(wildcards, asked, zones(TOP, WILD))
    assert [(row.status, row.wildcard, row.data) for row in rows] == [
        ("wildcard", True, ()),
        ("ok", False, ("192.0.2.101",)),
        ("nxdomain", None, ()),
    ]


def test_absences_are_enough():
    asked = names("no{}.plain.test", 400) + names("real{}.plain.test", 20)
    found, wildcards = verdicts(asked, zones(TOP, WILD.replace("wild", "plain").replace("*", "other")))
    assert set(found.values()) == {False}
    assert wildcards.asked <= 4


def test_other_types_of_a_wildcard_say_nothing():
    zone = "$ORIGIN wild.test.\n* TXT anything\nwww A 192.0.2.1\nwww TXT mine"
    assert verdicts(["www.wild.test"], zones(TOP, zone))[0] == {"www.wild.test": False}
    found, _ = verdicts(["www.wild.test", "x.wild.test"], zones(TOP, zone), type="TXT")
    assert found == {"www.wild.test": False, "x.wild.test": True}


class TestDepth:
    def test_deep_names_under_a_wildcard(self):
        found, wildcards = verdicts(names("a.x{}.wild.test", 300) + names("b.c.x{}.wild.test", 300), zones(TOP, WILD))
        assert set(found.values()) == {True}
        assert wildcards.asked <= 10

    def test_a_deep_wildcard(self):
        zone = "$ORIGIN deep.test.\n*.a.b.c A 192.0.2.1\nreal.a.b.c A 192.0.2.2\nc A 192.0.2.1\nx.b.c A 192.0.2.1"
        asked = names("n{}.a.b.c.deep.test", 50)
        real = ["real.a.b.c.deep.test", "c.deep.test", "x.b.c.deep.test"]
        found, _ = verdicts(asked + real, zones(TOP, zone))
        assert {name for name, wild in found.items() if wild} == set(asked)
        assert {name for name, wild in found.items() if wild is False} == set(real)

    def test_a_real_domain_below_a_wildcard(self):
        zone = WILD + "".join(f"host{i}.corp A 192.0.2.1\n" for i in range(30))
        found, _ = verdicts(names("host{}.corp.wild.test", 30) + names("x{}.wild.test", 30), zones(TOP, zone))
        assert [found[name] for name in names("host{}.corp.wild.test", 30)] == [False] * 30
        assert [found[name] for name in names("x{}.wild.test", 30)] == [True] * 30

    def test_a_wildcard_in_the_middle(self):
        def world(ask: Ask):
            labels = ask.name.split(".")
            known = labels[0] == "a" and labels[2:] == ["mid", "test", ""]
            return row(ask.name, *(["192.0.2.1"] if known else []))

        found, _ = verdicts(names("a.x{}.mid.test.", 200) + names("b.x{}.mid.test.", 200), world)
        assert set(found.values()) == {True}

    def test_the_same_host_in_many_domains_is_no_wildcard(self):
        domains = [f"$ORIGIN d{i}.test.\n@ A 192.0.2.{i}\nwww A 192.0.2.{i}" for i in range(100)]
        asked = [name for i in range(100) for name in (f"www.d{i}.test", f"no.d{i}.test", f"nor.d{i}.test")]
        found, wildcards = verdicts(asked, zones(TOP, *domains))
        assert set(found.values()) == {False}
        assert wildcards.asked <= 12


class TestAliases:
    def test_a_wildcard_that_is_an_alias(self):
        host = "$ORIGIN cdn.test.\nedge A 192.0.2.9\nother A 192.0.2.9"
        zone = "$ORIGIN wild.test.\n* CNAME go\ngo CNAME edge.cdn.test.\nmine CNAME me\nme CNAME other.cdn.test."
        found, _ = verdicts([*names("x{}.wild.test", 9), "mine.wild.test"], zones(TOP, host, zone))
        assert found.pop("mine.wild.test") is False
        assert set(found.values()) == {True}

    def test_an_alias_to_changing_addresses(self):
        random = Random(3)

        def world(ask: Ask):
            target = "www.here." if ask.name.startswith("real") else "cdn.elsewhere."
            return row(ask.name, f"192.0.2.{random.randrange(256)}", aliases=(ask.name, target))

        found, wildcards = verdicts([*names("x{}.wild.test.", 99), "real.wild.test."], world)
        assert found.pop("real.wild.test.") is False
        assert set(found.values()) == {True}
        assert wildcards.asked <= 10

    def test_dname_onto_a_wildcard(self):
        target = "$ORIGIN to.test.\n* A 192.0.2.7\nreal A 192.0.2.8"
        found, _ = verdicts(
            [*names("x{}.from.test", 30), "real.from.test"], zones(TOP, "$ORIGIN from.test.\n@ DNAME to.test.", target)
        )
        assert found.pop("real.from.test") is False
        assert set(found.values()) == {True}

    def test_dname_onto_real_names(self):
        target = "$ORIGIN to.test.\n" + "".join(f"x{i} A 192.0.2.8\n" for i in range(9))
        found, _ = verdicts(names("x{}.from.test", 9), zones(TOP, "$ORIGIN from.test.\n@ DNAME to.test.", target))
        assert set(found.values()) == {False}


class TestChangingAnswers:
    """Every name exists; those that begin with `real` have an address of their own."""

    @staticmethod
    def pool(size: int, at_once: int, seed: int) -> World:
        random = Random(seed)

        def world(ask: Ask):
            if not ask.name.endswith(".z.test."):
                return row(ask.name)
            if ask.name.startswith("real"):
                return row(ask.name, f"198.51.100.{ask.name[4:].split('.')[0]}")
            addresses = [f"10.1.{i // 256}.{i % 256}" for i in random.sample(range(size), at_once)]
            return row(ask.name, *addresses)

        return world

    @pytest.mark.parametrize(("size", "at_once"), [(2, 1), (3, 1), (4, 1), (6, 2), (8, 3)])
    @pytest.mark.parametrize("seed", range(5))
    def test_addresses_in_turn(self, size, at_once, seed):
        asked = names("x{}.z.test.", 600) + names("real{}.z.test.", 20)
        Random(seed).shuffle(asked)
        found, _ = verdicts(asked, self.pool(size, at_once, seed))
        wrong = Counter((name.startswith("real"), wild) for name, wild in found.items())
        assert wrong[True, False] == 20
        assert wrong[False, True] >= 597

    @pytest.mark.parametrize(("size", "at_once"), [(64, 1), (250, 8), (65536, 1)])
    def test_what_changes_without_end_in_one_network(self, size, at_once):
        found, wildcards = verdicts([*names("x{}.z.test.", 600), "real1.z.test."], self.pool(size, at_once, 1))
        assert found.pop("real1.z.test.") is False
        assert set(found.values()) == {True}
        assert wildcards.asked <= 30

    def test_what_changes_without_end_is_all_one(self):
        random = Random(3)

        def world(ask: Ask):
            alias = (ask.name, "edge.cdn.test.") if ask.name.startswith("alias") else ()
            octets = [random.randrange(1, 224) for _ in range(4)]
            return row(ask.name, ".".join(map(str, octets)), aliases=alias)

        found, wildcards = verdicts([*names("x{}.z.test.", 600), "alias.z.test."], world)
        assert found.pop("alias.z.test.") is False
        assert set(found.values()) == {True}
        assert wildcards.asked <= 30

    def test_aliases_that_change_without_end(self):
        random = Random(3)

        def world(ask: Ask):
            target = "www.real.test." if ask.name.startswith("real") else f"n{random.randrange(10**6)}.cdn.test."
            return row(ask.name, "192.0.2.1", aliases=(ask.name, target))

        found, _ = verdicts([*names("x{}.z.test.", 300), "real.z.test."], world)
        assert found.pop("real.z.test.") is False
        assert set(found.values()) == {True}

    def test_random_answers_at_every_depth(self):
        """A zone over which others have taken days: bounded questions, and no guess where they do not suffice."""
        random = Random(5)
        asked = [
            ".".join(f"l{random.randrange(50)}" for _ in range(random.randrange(1, 5))) + ".z.test."
            for _ in range(5000)
        ]
        found, wildcards = verdicts(asked, self.pool(65536, 1, 1))
        assert set(found.values()) == {True, None}
        assert sum(wild is True for wild in found.values()) > len(found) / 5
        assert wildcards.asked <= 20 + 250

    def test_a_wildcard_on_some_of_the_servers(self):
        random = Random(2)

        def world(ask: Ask):
            made_up = ask.name.endswith(".z.test.") and random.random() < 0.7
            return row(ask.name, *(["192.0.2.1"] if made_up or ask.name.startswith("real") else []))

        found, wildcards = verdicts(names("x{}.z.test.", 500), world)
        assert wildcards.asked <= 45
        assert found


class TestBudget:
    def test_without_a_budget_nothing_is_asked_or_guessed(self):
        found, wildcards = verdicts(names("x{}.wild.test", 19), zones(TOP, WILD), free=0)
        assert set(found.values()) == {None}
        assert wildcards.asked == 0

    def test_most_rows_first(self):
        small = [f"$ORIGIN s{i}.test.\n* A 192.0.2.{i}" for i in range(200)]
        asked = [f"x.s{i}.test" for i in range(200)] + names("x{}.wild.test", 40)
        found, wildcards = verdicts(asked, zones(TOP, WILD, *small), free=0)
        assert [found[name] for name in names("x{}.wild.test", 40)] == [True] * 40
        assert wildcards.unknown > 150

    def test_patience(self):
        """Rows that come slowly are not held for ever because there is no budget for them."""
        wildcards = Wildcards(free=1, patience=30.0)
        for i in range(3):
            assert wildcards.feed([row(f"x.y{i}.test.", "192.0.2.1", index=i)], 10.0 * i) == []
        (ask,) = wildcards.asks(9, 20.0)
        assert ask.name.endswith(".y0.test.")
        assert wildcards.wake_at() == 40.0
        assert wildcards.wake(39.0) == []
        assert [(each.index, each.wildcard) for each in wildcards.wake(40.0)] == [(1, None)]
        assert wildcards.wake_at() == 50.0
        assert [each.index for each in wildcards.heard(ask, row(ask.name), 45.0)] == [0]
        assert [each.index for each in wildcards.wake(60.0)] == [2]
        assert wildcards.wake_at() is None
        assert wildcards.held == 0

    def test_what_waits_no_more_is_forgotten(self):
        wildcards = Wildcards(free=0, most_held=100)
        rows = [row(f"x.y{i}.test.", "192.0.2.1", index=i) for i in range(5000)]
        first = [row(f"x{i}.first.test.", "192.0.2.1", index=-1 - i) for i in range(50)]
        assert wildcards.feed(first, 0.0) == []
        assert sum(len(wildcards.feed(rows[at : at + 100], 0.0)) for at in range(0, 5000, 100)) > 4800
        assert len(wildcards._queue) <= 1300

    def test_held_rows_are_bounded(self):
        small = [f"$ORIGIN s{i}.test.\n* A 192.0.2.{i % 250}" for i in range(300)]
        wildcards = Wildcards(free=0, most_held=50)
        rows, _ = run(wildcards, [(f"x.s{i}.test", "A") for i in range(300)], zones(TOP, *small), batch=10)
        assert len(rows) == 300
        assert wildcards.room <= 50

    def test_memory_is_bounded(self):
        wildcards = Wildcards(most_known=100, most_held=100)
        asked = [(f"x{i % 7}.y{i}.test.", "A") for i in range(3000)]
        run(wildcards, asked, lambda ask: row(ask.name, *(["192.0.2.1"] if ask.name.startswith("x") else [])))
        for remembered in ("_known", "_families", "_absent", "_middles", "_tried", "_odd"):
            assert len(getattr(wildcards._map, remembered)) <= 201

    def test_questions_that_fail(self):
        def world(ask: Ask):
            return row(ask.name, "192.0.2.1") if ask.name.startswith("x") else row(ask.name, status="timeout")

        found, wildcards = verdicts(names("x{}.z.test.", 50), world)
        assert set(found.values()) == {None}
        assert wildcards.asked <= 4

    def test_no_budget_for_rows_that_were_not_asked(self):
        wildcards = Wildcards(free=0)
        known = [row(f"x{i}.z.test.", "192.0.2.1", index=i)._replace(attempts=0) for i in range(100)]
        wildcards.feed(known, 0.0)
        assert wildcards.asks(10, 0.0) == []


def test_odd_names():
    longest = ".".join(["a" * 60] * 3 + ["b" * 58, "test."])
    for name in (".", "test.", "a\\.b.test.", longest):
        found, _ = verdicts([name], lambda ask: row(ask.name, "192.0.2.1"))
        assert list(found) == [name]


def test_action():
    with pytest.raises(ValueError, match="'mark' or 'drop'"):
        Wildcards("remove")


@pytest.mark.parametrize("seed", range(2))
def test_hundreds_of_zones(seed):
    """No verdict is wrong, and most are told within the budget."""
    random = Random(seed)
    texts, asked, truth = [TOP, "$ORIGIN cdn.test.\nedge A 203.0.113.1\nedge2 A 203.0.113.2"], [], {}
    for number in range(500):
        sort = random.choice(["none", "none", "wild", "alias", "deep", "two"])
        origin = f"z{number}.test"
        text = f"$ORIGIN {origin}.\n@ A 192.0.2.1\n"
        text += {"wild": "* A 192.0.2.1\n", "alias": "* CNAME edge.cdn.test.\n", "deep": "*.a.b.c A 192.0.2.1\n"}.get(
            sort, ""
        )
        text += "* A 192.0.2.1\n* A 192.0.2.2\n" if sort == "two" else ""
        mine = {f"h{i}.{origin}": False for i in range(random.randrange(4))}
        text += "".join(f"{name.split('.')[0]} A 198.51.100.{i}\n" for i, name in enumerate(mine))
        made_up = sort in ("wild", "alias", "two")
        mine.update((f"q{i}.{origin}", made_up) for i in range(random.randrange(30)))
        mine.update((f"q{i}.{'y.' * random.randrange(3)}x.{origin}", made_up) for i in range(random.randrange(9)))
        if sort == "deep":
            mine.update((f"q{i}.{'y.' * random.randrange(3)}a.b.c.{origin}", True) for i in range(20))
        texts.append(text)
        truth.update(mine)
        asked += mine
    if seed % 2:
        random.shuffle(asked)
    found, wildcards = verdicts(asked, zones(*texts))
    assert all(wild is None or wild is truth[name] for name, wild in found.items())
    assert sum(wild is None for wild in found.values()) < len(found) / 3
    assert wildcards.asked <= 20 + 0.05 * len(asked)
