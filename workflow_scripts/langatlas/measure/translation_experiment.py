"""One experiment: the same sentences translated in every condition."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from langatlas.activation_files import Activations
from langatlas.corpora.translation_prompts import Condition, prompt, usable
from langatlas.corpora.translations import Item, choose, file_items, world_items
from langatlas.measure.counted_text import Written
from langatlas.tokens import TextTokenizer


@dataclass(frozen=True)
class Experiment:
    """What is translated. ``files``: a pattern, or None for the world; ``names``: language -> what prompts call it."""

    source: str
    target: str
    further: Sequence[str]
    conditions: Sequence[Condition]
    files: str | None
    count: int
    seed: int
    names: Mapping[str, str]

    @property
    def languages(self) -> list[str]:
        """All languages that a sentence is needed in, the source first."""
        used = [code for condition in self.conditions for code in condition.languages(self.source, self.further)]
        return list(dict.fromkeys([self.source, self.target, *used]))

    def items(self) -> tuple[list[Item], list[Item]]:
        """Sentences to translate, and examples to show before them."""
        found = file_items(self.files, self.languages) if self.files else world_items(self.source, self.languages)
        shots = max(condition.shots for condition in self.conditions)
        return choose(usable(found, self.conditions, self.source), self.count, shots, self.seed)

    def prompts(self, condition: Condition, items: Sequence[Item], examples: Sequence[Item]) -> list[str]:
        """The prompt of each item."""
        settings = {"source": self.source, "target": self.target, "further": self.further, "names": self.names}
        return [prompt(condition, item, examples, **settings) for item in items]


def translate(
    experiment: Experiment,
    tokenizer: TextTokenizer,
    write: Callable[[str, list[list[int]]], tuple[list[Written], Activations]],
) -> Iterator[tuple[Condition, list[dict], Activations]]:
    """Every condition with its rows (as ``translation_rows`` defines them) and statistics.

    ``write``: continues prompts (token ids) of a condition that is named.
    """
    items, examples = experiment.items()
    encode, decode = tokenizer.tokenizer.encode, tokenizer.tokenizer.decode
    for condition in experiment.conditions:
        texts = experiment.prompts(condition, items, examples)
        prompts = [[tokenizer.start_id, *encode(text, add_special_tokens=False).ids] for text in texts]
        written, counted = write(condition.name, prompts)
        used = condition.languages(experiment.source, experiment.further)
        described = {
            "condition": condition.name,
            "kind": condition.kind,
            "further": condition.further,
            "shots": condition.shots,
            "source_language": experiment.source,
            "target_language": experiment.target,
            "input_languages": " ".join(dict.fromkeys(used)),
        }
        rows = []
        for number, (item, text, ids, new) in enumerate(zip(items, texts, prompts, written, strict=True)):
            said = decode(new.ids, skip_special_tokens=True)
            row = {"item": item.id, "item_number": number, "prompt": text, "n_prompt_tokens": len(ids)}
            row |= {"text": said, "output": first_line(said), "reference": item.sentences[experiment.target]}
            rows.append(described | row | counted_columns(new))
        yield condition, rows, counted


def first_line(text: str) -> str:
    """What stands for the translation: a model that was not told to stop goes on with another block."""
    return text.strip().split("\n", 1)[0].strip()


def counted_columns(new: Written) -> dict:
    """Columns of one text's tokens and neurons."""
    return {
        "n_tokens": len(new.ids),
        "ended": new.ended,
        "zero": [count for counts in new.zero for count in counts],
        "inhibited": [count for counts in new.inhibited for count in counts],
        "all_zero": new.all_zero,
        "all_inhibited": new.all_inhibited,
    }
