"""Reading what the long runs on few labels hold so far: complete draws only, paired with the plain arm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from companion.errors import RecordError
from companion.experiments import adversarial_arms, augmentation_arms, ensembles, few_labels_regularisers
from companion.experiments.few_labels_reading import LEAST_DRAWS, SETTINGS, gains_by_size, read_arms


def write(root: Path, name: str, factors: dict[str, Any], result: dict[str, Any]) -> Path:
    """One cell as the runs write it."""
    path = root / name / f"{'-'.join(map(str, factors.values()))}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    cell = {"experiment": name, "factors": factors, "result": result, "command": "x", "code": "y"}
    path.write_text(json.dumps({**cell, "environment": {}, "seconds": 1.0, "schema": 1}), encoding="utf-8")
    return path


def fill(root: Path, module: Any, seeds: int, **chosen: Any) -> list[Path]:
    """All cells of a setting up to a number of seeds; the score tells arm and seed."""
    written = []
    for cell in module.plan():
        if cell["seed"] < seeds and chosen.items() <= cell.items():
            score = len(str(cell.get("arm", ""))) / 100 + cell["seed"] / 10
            written.append(write(root, module.NAME, dict(cell), {"score": score}))
    return written


def test_a_setting_appears_with_its_third_complete_draw(tmp_path: Path) -> None:
    name = few_labels_regularisers.NAME
    assert read_arms(name, tmp_path) == {}
    fill(tmp_path, few_labels_regularisers, LEAST_DRAWS - 1, corpus="newsroom", labels=50)
    assert read_arms(name, tmp_path) == {}
    fill(tmp_path, few_labels_regularisers, LEAST_DRAWS, corpus="newsroom", labels=50)
    [(setting, arms)] = read_arms(name, tmp_path).items()
    assert setting == ("newsroom", 50)
    assert list(arms) == list(few_labels_regularisers.ARMS)
    assert [one["score"] for one in arms["plain"]] == pytest.approx([0.05, 0.15, 0.25])


def test_gains_are_paired_differences_of_complete_settings_alone(tmp_path: Path) -> None:
    name = few_labels_regularisers.NAME
    assert gains_by_size("newsroom", name, root=tmp_path) == {"arm": []}
    fill(tmp_path, few_labels_regularisers, 3, corpus="newsroom", labels=50)
    fill(tmp_path, few_labels_regularisers, 3, corpus="helpdesk", labels=200)
    columns = gains_by_size("newsroom", name, root=tmp_path)
    assert list(columns) == ["arm", "50 labels"]
    told = dict(zip(*columns.values(), strict=True))
    assert list(told) == list(few_labels_regularisers.ARMS)
    assert told["plain"].startswith("0.15 [")
    # The made-up score is a hundredth for each letter of the arm's name.
    assert told["dropout-0"] == "+0.04 [+0.04, +0.04]"
    assert list(gains_by_size("helpdesk", name, root=tmp_path)) == ["arm", "200 labels"]


def test_gains_of_two_experiments_share_the_plain_arm_and_leave_open_what_one_lacks(tmp_path: Path) -> None:
    fill(tmp_path, few_labels_regularisers, 3, corpus="newsroom", arm="plain")
    fill(tmp_path, augmentation_arms, 3, corpus="newsroom", labels=800)
    fill(tmp_path, adversarial_arms, 3, corpus="newsroom")
    columns = gains_by_size("newsroom", augmentation_arms.NAME, adversarial_arms.NAME, root=tmp_path)
    assert list(columns) == ["arm", "50 labels", "200 labels", "800 labels"]
    assert columns["arm"] == ["plain", *augmentation_arms.ARMS, *adversarial_arms.ARMS]
    assert columns["200 labels"][1 : 1 + len(augmentation_arms.ARMS)] == [""] * len(augmentation_arms.ARMS)
    assert all(columns["800 labels"])


def test_a_draw_that_one_arm_lacks_counts_for_none(tmp_path: Path) -> None:
    fill(tmp_path, few_labels_regularisers, 4, corpus="helpdesk", labels=200)
    (tmp_path / few_labels_regularisers.NAME / "helpdesk-decay-0-200-1.json").unlink()
    [arms] = read_arms(few_labels_regularisers.NAME, tmp_path).values()
    assert {len(results) for results in arms.values()} == {3}
    assert [one["score"] for one in arms["plain"]] == pytest.approx([0.05, 0.25, 0.35])


def test_the_plain_arm_of_the_other_experiments_comes_from_the_first(tmp_path: Path) -> None:
    fill(tmp_path, adversarial_arms, 3, corpus="newsroom", labels=800)
    assert read_arms(adversarial_arms.NAME, tmp_path) == {}
    fill(tmp_path, few_labels_regularisers, 3, corpus="newsroom", labels=800, arm="plain")
    [arms] = read_arms(adversarial_arms.NAME, tmp_path).values()
    assert list(arms) == ["plain", *adversarial_arms.ARMS]


def test_the_arms_of_an_ensemble_stand_in_one_cell(tmp_path: Path) -> None:
    forms = ("ensemble_3", "ensemble_5", "average_3", "average_5", "tail")
    for seed in range(3):
        result = {"score": 0.5, "members": [0.5] * 5, **dict.fromkeys(forms, 0.6 + seed / 10)}
        write(tmp_path, ensembles.NAME, {"corpus": "newsroom", "labels": 50, "seed": seed}, result)
    [arms] = read_arms(ensembles.NAME, tmp_path).values()
    assert set(arms) == {"plain", *forms}
    assert [one["score"] for one in arms["tail"]] == pytest.approx([0.6, 0.7, 0.8])
    assert [one["score"] for one in arms["plain"]] == [0.5] * 3


def test_another_experiment_is_refused_and_a_broken_cell_is_not_passed_over(tmp_path: Path) -> None:
    assert len(SETTINGS) == 6
    with pytest.raises(RecordError, match="no experiment on few labels"):
        read_arms("continual", tmp_path)
    [path, *_] = fill(tmp_path, few_labels_regularisers, 1, corpus="newsroom", labels=50)
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(RecordError, match="has no valid"):
        read_arms(few_labels_regularisers.NAME, tmp_path)
