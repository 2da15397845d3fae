"""Makes the product's classifier of general questions (`tuning/lists/gate.json`) from the training banks and lists; never from those of the exam.

python -m pocket.gate
"""

import json
import re
from random import Random

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from memory.embedder import embed
from pocket.corpus import Corpus
from pocket.items import ask_by_words, fill, make_free, make_item, make_persona
from pocket.values import LISTS
from tuning.gate import PATH, is_plain_english
from tuning.negatives import probe_prompts, replay_prompts

PERSONAS = 400
EACH = 14  # general questions from each form
# Knowledge, how-to, small talk and texts to write, with values of `pocket.values` in them: what people ask any assistant.
FORMS = (
    "What is a {thing}?", "How does a {thing} work?", "Who invented the {thing}?", "How do you clean a {thing}?", "What is the plural of {thing}?",
    "Spell {thing}.", "What rhymes with {thing}?", "What is the opposite of {size}?", "What is the capital of {country}?", "Where is {country}?",
    "How many people live in {country}?", "What language do they speak in {country}?", "Is {country} in Europe?", "What money do they use in {country}?",
    "Is {real_city} a big city?", "What is {real_city} known for?", "In which country is {real_city}?", "How far is it to the moon?", "How do you say hello in {language}?",
    "Translate good night into {language}.", "Is {language} hard to learn?", "Where do people speak {language}?", "How do I cook {dish}?", "What goes into {dish}?",
    "How long does {dish} take?", "Where does {dish} come from?", "Are {food} healthy?", "How do I store {food}?", "What can one make from {food}?", "Who first made {drink}?",
    "How is {drink} made?", "What colour do you get from {colour} and white?", "Is {colour} a warm colour?", "What does a {job} do?", "How does one become a {job}?",
    "How much does a {job} earn?", "What are the rules of {sport}?", "How many players does {sport} have?", "How do I start with {hobby}?", "Is {hobby} expensive?",
    "How many strings does it have, the {instrument}?", "How hard is it to learn the {instrument}?", "How many days does {month} have?", "Which season is {month} in?",
    "Why is it called {weekday}?", "Which day comes after {weekday}?", "What does an {animal} eat?", "How long does an {animal} live?", "Where do {animal}s live?",
    "Are {animal}s dangerous?", "How fast is an {animal}?", "How do I water a {plant}?", "Does a {plant} need sun?", "What is {subject}?", "Explain {subject} to a child.",
    "Who was famous in {subject}?", "What helps against {illness}?", "Is {illness} dangerous?", "What causes {illness}?", "Tell me a joke about a {animal}.",
    "Write a poem about {weekday} mornings.", "Write a short story about a {job}.", "Tell me something about {country}.", "Give me a fun fact about {animal}s.", "How do I fold a {clothing}?",
    "How do you play {game}?", "How many people can play {game}?", "What do people say at a {event}?", "Who pays for a {event}?", "Do you like {food}?", "Do you like {colour}?",
    "Have you ever been to {country}?", "Can you speak {language}?", "Can you play {game}?", "Would you like to be a {job}?", "Good evening from {real_city}!", "Happy {weekday}!",
    "How much is {size} in inches?", "What is eleven plus seven?", "Is it far from {real_city} to {real_city:2}?", "Which is bigger, {country} or {country:2}?", "Say {thing} three times.",
)  # fmt: skip
_SLOT = re.compile(r"{(\w+?)(?::\w+)?}")
DECAY = 1e-5  # of the squared weights
LOST = 0.01  # of the personal questions that the classifier is asked about may be taken for general ones


def draw_questions(corpus: Corpus, rng: Random) -> tuple[list[str], list[str]]:
    """Questions and requests that need a person's memory, and general ones; the prompts on which forgetting is measured are in neither."""
    personal = list(corpus.never)
    for relation in corpus.relations:
        item = make_item(relation, rng)
        personal += [*rng.sample(item.ask, min(2, len(item.ask))), *item.rev[:1], *(request for request, _ in item.use[:1])]
        personal += [asked for asked in [ask_by_words(item, rng)] if asked and rng.random() < 0.5]
    personal += [ask for free in corpus.free for item in make_free(free, rng)[1] for ask in item.ask[:1]]
    made = [make_persona(sentence, rng) for sentence in rng.sample(corpus.personas, min(PERSONAS, len(corpus.personas)))]
    personal += [rng.choice(item.ask) for item in made if item]
    measured = set(probe_prompts())
    general = {*replay_prompts(), *(asked for asked, _ in corpus.neutral), *general_questions(rng)}
    return sorted(set(personal) - measured - general), sorted(general - measured)


def general_questions(rng: Random) -> list[str]:
    """The forms with values drawn, EACH times every one."""
    found = []
    for form in FORMS:
        kinds = {match[0][1:-1]: match[1] for match in _SLOT.finditer(form)}
        found += [fill(form, {slot: rng.choice(LISTS[kind]) for slot, kind in kinds.items()}) for _ in range(EACH)]
    return found


def fit(personal: np.ndarray, general: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights and bias of a logistic regression in which both classes weigh the same; rows are unit vectors."""
    rows = torch.tensor(np.vstack([personal, general]))
    rows = torch.cat([rows, torch.ones(len(rows), 1)], 1)
    wanted = torch.cat([torch.ones(len(personal)), torch.zeros(len(general))])
    shares = torch.where(wanted > 0, 0.5 / len(personal), 0.5 / len(general))
    weights = torch.zeros(rows.shape[1], requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=300, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        found = (binary_cross_entropy_with_logits(rows @ weights, wanted, reduction="none") * shares).sum()
        found = found + DECAY * weights[:-1].square().sum()
        found.backward()
        return found

    optimizer.step(loss)
    made = weights.detach().numpy()
    return made[:-1], float(made[-1])


def main() -> None:
    """Fit on four fifths, report on the fifth that was left out, and write the one fitted on everything."""
    personal, general = draw_questions(Corpus(), Random(0))
    vectors = [embed(texts) for texts in (personal, general)]
    held = [np.arange(len(texts)) % 5 == 0 for texts in (personal, general)]
    asked = np.array([is_plain_english(text) for text in personal])
    parts = {"four fifths": [rows[~out] for rows, out in zip(vectors, held)], "all": vectors}
    for name, (own, other) in parts.items():
        weights, bias = fit(own, other)
        least = float(np.quantile((own @ weights + bias)[asked if name == "all" else asked[~held[0]]], LOST))
        if name != "all":
            lost = float((vectors[0][held[0] & asked] @ weights + bias < least).mean() * asked[held[0]].mean())
            caught = float((vectors[1][held[1]] @ weights + bias < least).mean())
            print(f"left out: {lost:.1%} of {held[0].sum()} personal questions lost, {caught:.0%} of {held[1].sum()} general ones caught")
    PATH.write_text(json.dumps({"weights": [round(float(w), 4) for w in weights], "bias": round(bias, 4), "least": round(least, 4)}) + "\n")
    print(f"{len(personal)} personal and {len(general)} general questions: {PATH}")


if __name__ == "__main__":
    main()
