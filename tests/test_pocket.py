"""Pocket: the seeded start copies untrained, the corpus is deterministic and keeps training and exam apart, training resumes exactly."""

import os
import subprocess
import sys
from random import Random

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from pocket.banks import load_lines, load_relations
from pocket.blend import blend
from pocket.corpus import MIXTURES, Corpus, _uncapital
from pocket.feed import select_positions
from pocket.items import flip_person, give_owner, load_free, make_item
from pocket.lexicon import Lexicon, random_lexicon
from pocket.meaning import TAPS, Lessons, Pool, make_heads, meaning_loss
from pocket.model import COPYING, RETRIEVING, attention_mask, build_model, early_hidden, last_hidden, plain_model
from pocket.optimizers import orthogonalise
from pocket.seed import seed_circuits
from pocket.tokens import WEIGHTS, Packer, _cut
from pocket.train import fit_heads, targets_of
from pocket.values import make_value
from tuning.prompts import NEVER_TOLD
from tuning.scores import normal_words

NO_DATA = WEIGHTS / "no-such-folder"
SHORT = {256: (1.0, MIXTURES[256])}


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(WEIGHTS)


@pytest.mark.parametrize(("width", "layers"), [(256, 5), (384, 6), (480, 7)])
def test_an_untrained_seeded_model_copies(width: int, layers: int):
    model = build_model(width, layers, seed=0).eval()
    torch.manual_seed(0)
    half = torch.randint(10, 4096, (8, 40))
    with torch.no_grad():
        logits = model(input_ids=torch.cat([half, half], 1)).logits
    right = (logits[:, 40:-1].argmax(-1) == half[:, 1:]).float().mean()
    assert right > 0.5  # a random start copies 0 %


@pytest.mark.parametrize(("width", "layers"), [(256, 5), (384, 6)])
def test_an_untrained_seeded_model_finds_the_line_that_a_question_is_about(width: int, layers: int):
    """Eight lines of filler with three words that count; the question holds those of one line in another order. Chance: one in eight."""
    lines, length, user, newline, drawn = 8, 14, 3, 11, torch.Generator().manual_seed(0)
    weights = torch.where(torch.arange(8192) < 1000, -3.0, 1.0)
    lexicon = Lexicon(random_lexicon(8192, 64).vectors, weights)
    rows = torch.randint(20, 1000, (48, lines, length), generator=drawn)
    rows[:, :, [1, 3, 6]] = torch.randint(1000, 8192, (48, lines, 3), generator=drawn)
    rows[:, :, -1] = newline
    asked = torch.arange(48) % lines
    question = torch.randint(20, 1000, (48, 8), generator=drawn)
    question[:, 0] = user
    question[:, [2, 4, 6]] = rows[torch.arange(48), asked][:, [6, 1, 3]]
    prompt = torch.cat([torch.full((48, 1), newline), rows.flatten(1), question], 1)

    def share_right(openers: tuple[int, ...]) -> float:
        model = seed_circuits(plain_model(width, layers, seed=0), lexicon, openers).eval()
        model.config._attn_implementation = "eager"
        with torch.no_grad():
            looked = model(input_ids=prompt, output_attentions=True).attentions[RETRIEVING[0]][:, RETRIEVING[1], -1]
        ends = length * torch.arange(1, lines + 1)
        return float((looked[:, ends].argmax(1) == asked).float().mean())

    assert share_right((user, newline)) > 0.5
    assert share_right((5,)) < 0.4  # without lines to tell apart there is nothing to choose from


def test_what_an_answer_rests_on_is_marked(tokenizer):
    """The retrieving head is taught by these marks: an answer's line holds its source, and an answer "never told" rests on the first token."""
    packer = Packer(tokenizer, Corpus(data=NO_DATA), tokens=4096, seed=1, lengths={512: (1.0, {"notes_some": 0.5, "conversation": 0.5})})
    document = packer.corpus.notes(Random(3), 6)
    ids, _, _, _, lines, wanted = packer.encode(document)
    sources = {turn.source for turn in document if turn.source}
    held = {tokenizer.decode(ids[lines == number].astype(int), skip_special_tokens=True).strip() for number in set(lines) - {0, 1}}
    assert sources and held == {source.strip() for source in sources}
    unsaid = [turn for turn in document if turn.text == NEVER_TOLD]
    assert all(turn.source == "" for turn in unsaid)
    batch = packer.batch(0)
    assert (batch.wanted > 1).mean() > 0.05
    mask = attention_mask(torch.from_numpy(batch.documents), torch.from_numpy(batch.branches))[:, 0].numpy()
    pointed = (batch.wanted[:, :, None] == batch.lines[:, None, :]) & (batch.wanted[:, :, None] > 0)
    answers = (batch.wanted > 0) & (batch.documents >= 0)
    assert (pointed & mask).any(-1)[answers].mean() > 0.99  # what it should look at, it may look at


def test_a_raw_message_is_quoted_and_a_tidy_fact_repeated():
    corpus = Corpus(data=NO_DATA)
    quoted = told = 0
    for number in range(60):
        for turn in corpus.notes(Random(number), 5):
            if turn.role == "assistant" and turn.source:
                quoted += turn.text.startswith("You said: ")
                told += turn.text.startswith(turn.source)
                assert turn.source in turn.text or _uncapital(turn.source) in turn.text
    assert quoted > 50 and told > 50


def test_the_copying_head_is_shown_the_token_that_comes_next(tokenizer):
    """Its targets are the places in the wanted line that hold the answer's next token; nowhere else, and not across turns."""
    packer = Packer(tokenizer, Corpus(data=NO_DATA), tokens=1024, seed=2, lengths={512: (1.0, {"notes_some": 1.0})})
    batch = packer.batch(0)
    arrays = (batch.ids, batch.documents, batch.branches, batch.lines, batch.wanted)
    copied = targets_of(*map(torch.from_numpy, arrays))[COPYING].numpy()
    rows, here, there = np.nonzero(copied)
    assert len(rows) > 50
    assert (batch.ids[rows, here + 1] == batch.ids[rows, there]).all() and (batch.lines[rows, there] == batch.wanted[rows, here]).all()
    assert (batch.documents[rows, here] == batch.documents[rows, there]).mean() > 0.9  # the attention mask hides the other documents' lines
    answered = (batch.weights[:, 1:] >= 1.0) & (batch.wanted[:, 1:] > 1)
    assert copied.any(-1)[:, :-1][answered].mean() > 0.7  # most of an answer stands in its line


def test_every_relation_of_the_banks_keeps_the_rules_and_can_be_filled():
    rng = Random(0)
    for part in ("train", "exam"):
        relations = load_relations(part)
        assert not [problem for relation in relations for problem in relation.problems()]
        for relation in relations:
            item = make_item(relation, rng)
            assert "{" not in item.said + item.fact + "".join(item.ask)
    assert len(load_relations("train")) >= 150


def test_exam_and_training_share_no_phrasing():
    def phrasings(part: str) -> set[str]:
        texts = [text for relation in load_relations(part) for text in (*relation.said, *relation.ask, *relation.rev)]
        texts += [line.split("=>")[0] for name in ("chatter", "neutral", "never") for line in load_lines(part, name)]
        texts += [question for item in load_free(part) for _, asks in item.facts for question in asks]
        return {" ".join(normal_words(text)) for text in texts}

    assert not phrasings("train") & phrasings("exam")


def test_the_corpus_depends_on_its_seed_alone():
    corpus = Corpus(data=NO_DATA)
    first = [corpus.document(Random(f"s:{number}")) for number in range(40)]
    assert first == [Corpus(data=NO_DATA).document(Random(f"s:{number}")) for number in range(40)]
    assert first != [corpus.document(Random(f"t:{number}")) for number in range(40)]


def test_every_answer_about_notes_can_be_found_in_them():
    corpus = Corpus(data=NO_DATA)
    values = 0
    for number in range(150):
        document = corpus.notes(Random(number), 1 + number % 12)
        notes = set(normal_words(document[0].text))
        for turn in document[1:]:
            digits = {word for word in normal_words(turn.text) if word.isdigit() and len(word) > 2}
            if turn.role == "assistant" and digits:
                values += 1
                assert digits <= notes, turn.text
    assert values > 10


def test_the_second_person_is_made_from_the_first():
    assert flip_person("I was born in Oslo and my dog loves me.") == "You were born in Oslo and your dog loves you."


def test_made_up_values_are_not_a_list():
    rng = Random(1)
    assert len({make_value("pet_name", rng) for _ in range(200)}) > 100


def test_the_tokenizer_loses_nothing(tokenizer):
    for text in ('My cat Quimbo turned 14 on 3 May, "really"\nyes :)', "Zoë – 中文 😊", "  two  spaces "):
        assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_a_packed_document_sees_no_other(tokenizer):
    batch = Packer(tokenizer, Corpus(data=NO_DATA), tokens=2048, seed=0, lengths=SHORT).batch(0)
    row = int(batch.documents.max(axis=1).argmax())
    mask = attention_mask(torch.from_numpy(batch.documents), torch.from_numpy(batch.branches))[row, 0].numpy()
    documents = batch.documents[row]
    assert documents.max() > 0
    for query, key in zip(*np.nonzero(mask)):
        assert key <= query and documents[query] == documents[key]
        assert batch.branches[row, key] in (0, batch.branches[row, query])
    chosen, targets, weights = select_positions(batch, np.random.default_rng(0))
    scored = chosen[weights > 0]
    assert (batch.documents.ravel()[scored] == batch.documents.ravel()[scored + 1]).all()  # no token predicts the next document's


def test_a_branch_is_read_as_the_product_would_ask_it(tokenizer):
    """A question about notes among other questions, in a row with other documents: the model sees what it sees when asked alone."""
    packer = Packer(tokenizer, Corpus(data=NO_DATA), tokens=512, seed=3, lengths={512: (1.0, {"notes_few": 1.0})})
    batch = packer.batch(0)
    model = build_model(192, 5, seed=0).eval()
    ids, positions, documents, branches = (
        torch.from_numpy(array) for array in (batch.ids, batch.positions, batch.documents, batch.branches)
    )
    with torch.no_grad():
        packed, _ = last_hidden(model, ids, positions, attention_mask(documents, branches))
        pairs = torch.stack([documents[0], branches[0]]).T[branches[0] > 0].unique(dim=0).tolist()
        assert len(pairs) > 3
        for document, branch in (pairs[0], pairs[2], pairs[-1]):
            mine = (documents[0] == document) & ((branches[0] == 0) | (branches[0] == branch))
            assert branches[0, mine].max() == branch
            alone = model.model(input_ids=ids[:, mine], use_cache=False).last_hidden_state
            assert torch.allclose(packed[:, mine], alone, atol=1e-4)


def test_a_document_too_long_keeps_whole_branches():
    branches = np.array([0, 0, 0, 1, 1, 2, 2, 2, 3, 3], float)
    columns = np.stack([branches] * 6)
    assert _cut(columns, 9).shape[1] == 8  # branch 3 does not fit, 1 and 2 do
    assert _cut(columns, 6).shape[1] == 0  # one branch alone is not worth its prompt
    assert _cut(np.zeros((6, 10)), 6).shape[1] == 6 and _cut(np.zeros((6, 10)), 4).shape[1] == 0


def test_some_documents_speak_of_few_people_again_and_again():
    corpus, most = Corpus(data=NO_DATA), 0
    for seed in range(12):
        items = corpus.items(Random(seed), 8)
        owners = [item.key.rpartition("|")[2] for item in items]
        most = max(most, *(owners.count(who) for who in corpus.about))
        assert len({item.key for item in items}) == len(items)
    assert most >= 3


def test_other_documents_hold_lines_as_alike_as_those_that_retrieval_brings():
    corpus = Corpus(data=NO_DATA)
    topics = {relation.name: number for number, relation in enumerate(corpus.relations)}
    alike, any_facts = [], []
    for seed in range(40):
        items = corpus.near_items(Random(seed), 6)
        assert len({item.key for item in items}) == len(items) == 6
        strangers = [make_item(relation, Random(seed)) for relation in Random(seed).sample(corpus.relations, 6)]
        for found, counts in ((items, alike), (strangers, any_facts)):
            numbers = [topics[name] for item in found if (name := item.key.split("|")[0]) in topics]
            counts.append(sum(other in corpus.neighbours[one] for one in numbers for other in numbers if one != other))
    assert np.mean(alike) > 5 * np.mean(any_facts)


def test_a_name_that_was_told_stands_for_the_one_it_names():
    corpus, hops = Corpus(data=NO_DATA), 0
    for seed in range(60):
        items = corpus.near_items(Random(seed), 8)
        for called in (item for item in items if item.key.startswith("called|")):
            who = called.key.split("|")[1]
            assert called.value in called.said and called.value in called.fact and who in called.said
            by_name = [ask for item in items if item is not called for ask in item.ask if called.value in ask]
            assert not any(f"y {who} " in ask for ask in by_name)
            hops += len(by_name)
    assert hops > 20


def test_what_is_told_of_somebody_may_be_corrected():
    corpus, newer = Corpus(data=NO_DATA), 0
    for seed in range(60):
        item = corpus.about_somebody(Random(seed), "sister")
        again = corpus.newer(item, Random(seed + 1))
        if again:
            newer += 1
            assert again.key == item.key and again.value != item.value and "sister" in again.fact
    assert newer > 30


def test_a_thing_of_somebody_else_is_another_fact():
    relation = next(relation for relation in load_relations("train") if relation.name == "pet.name")
    drawn = [give_owner(make_item(relation, rng), rng) for rng in map(Random, range(60))]
    owned = [item for item in drawn if item.key.count("|") == 2]
    assert len(owned) > 20
    for item in owned:
        owner = item.key.split("|")[2]
        assert f"our {owner} " in item.fact and f"y {owner} " in item.said and all(f"y {owner} " in ask for ask in item.ask)
        assert not any(f"y {owner} " in ask for ask in item.nearby) and not set(item.ask) & set(item.nearby)


def test_orthogonalised_matrices_have_singular_values_near_one():
    torch.manual_seed(0)
    for shape in ((40, 64), (64, 40)):
        values = torch.linalg.svdvals(orthogonalise(torch.randn(shape) @ torch.diag(torch.logspace(0, -1, shape[1]))))
        assert 0.5 < values.min() and values.max() < 1.3


@pytest.fixture(scope="module")
def pool(tokenizer) -> Pool:
    """Six subjects, four wordings each, with the teacher's vectors."""
    from memory.embedder import embed

    subjects = ("cat called", "rent a month", "sister's job", "favourite soup", "flight to Rome", "piano teacher")
    forms = ("What is my {}?", "Tell me about the {}.", "Do you remember my {}?", "The {}, please.")
    texts = [form.format(subject) for subject in subjects for form in forms]
    vectors = torch.nn.functional.normalize(torch.tensor(np.asarray(embed(texts)), dtype=torch.float32), dim=1)
    return Pool(tokenizer(texts, add_special_tokens=False)["input_ids"], vectors, list(range(0, 25, 4)))


def test_lessons_of_meaning_stand_as_in_a_chat_of_their_own(tokenizer, pool: Pool):
    from tuning.prompts import render_chat

    lessons = Lessons(tokenizer, pool, rows=1, seed=3)
    batch, again = lessons.batch(7), lessons.batch(7)
    assert all(torch.equal(one, other) for one, other in zip(vars(batch).values(), vars(again).values()))
    model = build_model(192, 5, seed=0).eval()
    ends = batch.ends[batch.ends >= 0]
    assert len(ends) > 6
    with torch.no_grad():
        taps = early_hidden(model, batch.ids, batch.positions, attention_mask(batch.documents, batch.branches), TAPS)
        for number, end in enumerate(ends.tolist()):
            place = next(n for n, vector in enumerate(pool.vectors) if torch.equal(vector, batch.vectors[number]))
            chat = render_chat(tokenizer.decode(pool.tokens[place]))
            ids = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)["input_ids"]
            states = model(input_ids=ids, output_hidden_states=True).hidden_states
            for tap, hidden in zip(TAPS, taps):
                assert torch.allclose(hidden.flatten(0, 1)[end], states[tap][0, -1], atol=1e-4)


def test_the_meaning_of_sentences_is_learnt(tokenizer, pool: Pool):
    model, heads = build_model(192, 5, seed=0), make_heads(192)
    lessons = Lessons(tokenizer, pool, rows=1, seed=0)
    optimizer = torch.optim.AdamW([*model.parameters(), *heads.parameters()], lr=1e-3)
    losses = []
    for step in range(12):
        loss = meaning_loss(model, heads, *vars(lessons.batch(step)).values())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


def test_new_heads_are_fitted_to_a_model_that_stays_as_it_is(tokenizer, pool: Pool):
    model, heads, lessons = build_model(192, 5, seed=0), make_heads(192), Lessons(tokenizer, pool, rows=1, seed=0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        first = float(meaning_loss(model, heads, *vars(lessons.batch(-1)).values()))
    assert fit_heads(model, heads, lessons, "cpu", half=False, steps=30) < first / 2
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("workers", (1, pytest.param(2, marks=pytest.mark.slow)))
def test_a_resumed_training_equals_an_unbroken_one(tmp_path, workers: int):
    """Run as commands, as a person does: whole, and broken off after two of four steps."""

    def run(name: str, steps: int, *more: str) -> None:
        sizes = f"--width 192 --layers 5 --tokens {512 * workers} --every 2 --stage near --workers {workers} --eager --no-half"
        command = [sys.executable, "-m", "pocket.train", "--name", name, "--steps", str(steps), *sizes.split(), *more]
        done = subprocess.run(command, env={**os.environ, "KEEPSAKE_POCKET_RUNS": str(tmp_path)}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    run("whole", 4)
    run("broken", 2)
    run("broken", 4)
    run("further", 2, "--start", str(tmp_path / "broken" / "checkpoint.pt"))
    heads = [torch.load(tmp_path / name / "checkpoint.pt", weights_only=True)["heads"] for name in ("broken", "further")]
    assert all((heads[0][key] - heads[1][key]).abs().max() < 0.05 for key in heads[0])  # they went on, not from a random start
    whole, broken = (torch.load(tmp_path / name / "checkpoint.pt", weights_only=True)["model"] for name in ("whole", "broken"))
    assert all(torch.equal(whole[key], broken[key]) for key in whole)


def test_two_runs_are_averaged_and_only_of_one_shape(tmp_path):
    models = [plain_model(96, 2, seed, vocabulary=64) for seed in (0, 1)]
    for name, model in zip("ab", models):
        model.save_pretrained(tmp_path / name)
    blend(tmp_path / "a", tmp_path / "b", 0.25, tmp_path / "c")
    found = AutoModelForCausalLM.from_pretrained(tmp_path / "c").state_dict()
    blend(tmp_path / "a", tmp_path / "b", 0.25, tmp_path / "f", embedding=1.0)
    apart = AutoModelForCausalLM.from_pretrained(tmp_path / "f").state_dict()
    for name, value in found.items():
        first, second = (model.state_dict()[name] for model in models)
        assert value.dtype == torch.bfloat16 and torch.allclose(value.float(), 0.75 * first + 0.25 * second, atol=2e-3), name
        if "embed" in name or "lm_head" in name:
            assert torch.allclose(apart[name].float(), second, atol=2e-3)
    plain_model(96, 3, 0, vocabulary=64).save_pretrained(tmp_path / "d")
    with pytest.raises(ValueError, match="not of one shape"):
        blend(tmp_path / "a", tmp_path / "d", 0.5, tmp_path / "e")
    assert not (tmp_path / "e").exists()


def test_the_shipped_weights_load_as_any_model_does():
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(WEIGHTS, local_files_only=True)
    shards = list(WEIGHTS.glob("*.safetensors"))
    assert sum(shard.stat().st_size for shard in shards) <= 60e6 and all(shard.stat().st_size <= 15e6 for shard in shards)
    assert model.config.max_position_embeddings >= 1024
