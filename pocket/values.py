"""Values that fill the slots of the phrase banks: made up more often than not, so that copying is learnt and not a list.

In: a slot type and a `random.Random`. Out: a string that fits the grammar described in `banks/FORMAT.md`.
"""

from collections.abc import Callable
from functools import partial
from random import Random

_ONSETS = "b br c ch d dr f fl g gr h j k kr l m n p pr qu r s sh sk st t th tr v w y z".split()
_VOWELS = "a e i o u ai ea ee ia o u a e i".split()
_CODAS = " n r l s m th nd rk lt sh x k ck ss t ".split(" ")

LISTS: dict[str, list[str]] = {
    key: [item.strip() for item in text.split("|")]
    for key, text in {
        "person": "sister | brother | mother | father | aunt | uncle | cousin | niece | nephew | grandmother | grandfather | boss | manager | "
        "best friend | neighbour | landlord | flatmate | colleague | roommate | husband | wife | partner | girlfriend | boyfriend | "
        "daughter | son | mother-in-law | stepbrother | godmother | twin sister | older brother | younger sister | tutor | coach | "
        "therapist | dentist | hairdresser | pen pal | team lead | old teacher | upstairs neighbour | grandma | grandpa | mum | dad",
        "real_name": "Anna | Tom | Maria | Lukas | Priya | Omar | Sofia | Kenji | Fatima | Jonas | Elena | Marcus | Yuki | Carlos | Ingrid | "
        "Nadia | Felix | Chloe | Ahmed | Greta | Ivan | Leila | Hugo | Rosa | Dmitri | Amara | Theo | Zoe | Rafael | Mina | Oscar | "
        "Beatrice | Nina | Samuel | Clara | Ravi | Emma | Diego | Lena | Victor | Alice | Ben | Ruth | George | Kate | Paul",
        "pet": "dog | cat | parrot | rabbit | hamster | tortoise | budgie | puppy | kitten | guinea pig | goldfish | lizard | pony | ferret | snake | gecko",
        "real_pet_name": "Biscuit | Luna | Max | Pepper | Mochi | Bella | Ziggy | Pickle | Shadow | Coco | Waffles | Daisy | Rex | Olive | Bruno | Pumpkin",
        "real_city": "Lisbon | Oslo | Kyoto | Bristol | Toronto | Prague | Vienna | Porto | Leeds | Austin | Ghent | Turin | Seville | Krakow | Bergen | "
        "Lyon | Dublin | Athens | Denver | Hamburg | Cork | Basel | Riga | Utrecht | Naples | Osaka | Lima | Quito | Perth | Boston",
        "country": "Norway | Japan | Portugal | Canada | Peru | Kenya | Iceland | Greece | Vietnam | Morocco | Chile | Poland | Italy | Spain | "
        "New Zealand | Ireland | Mexico | India | Turkey | Finland | Ghana | Nepal | Croatia | Brazil | Georgia",
        "job": "nurse | carpenter | data analyst | baker | architect | pilot | teacher | plumber | translator | florist | accountant | chef | "
        "paramedic | librarian | gardener | software developer | dentist | electrician | tailor | vet | journalist | optician | "
        "postman | physiotherapist | photographer | beekeeper | bus driver | social worker | welder | pharmacist | sound engineer",
        "food": "mushrooms | olives | coriander | blue cheese | tofu | pineapple | sushi | peanut butter | lentils | oysters | aubergine | celery | "
        "marzipan | liver | beetroot | anchovies | chickpeas | raisins | halloumi | kimchi | porridge | broccoli | mangoes | figs",
        "dish": "lasagne | pad thai | ramen | paella | chicken curry | mushroom risotto | fish tacos | shakshuka | pumpkin soup | falafel | "
        "beef stew | gnocchi | moussaka | pierogi | dumplings | bibimbap | ratatouille | chilli | spinach pie | fried rice",
        "drink": "green tea | oat flat white | ginger beer | black coffee | mint tea | cold brew | apple juice | hot chocolate | espresso | "
        "elderflower lemonade | chai | cider | tonic water | rooibos | kombucha | iced matcha | red wine | tomato juice",
        "colour": "teal | mustard yellow | burgundy | navy blue | olive green | turquoise | lilac | coral | charcoal | crimson | mint green | "
        "orange | purple | dark red | beige | silver | sky blue | pink | black | white | green | blue | yellow",
        "hobby": "pottery | climbing | birdwatching | knitting | chess | archery | gardening | sailing | fencing | origami | calligraphy | "
        "bouldering | baking | salsa dancing | woodcarving | stargazing | kayaking | embroidery | juggling | beekeeping | skateboarding | "
        "photography | fishing | surfing | yoga | painting | cycling | hiking",
        "sport": "tennis | volleyball | badminton | rugby | handball | hockey | swimming | basketball | squash | rowing | table tennis | judo | "
        "football | karate | cricket | golf | water polo | boxing",
        "instrument": "cello | drums | saxophone | ukulele | violin | accordion | flute | piano | trumpet | banjo | harp | bass | clarinet | guitar | oboe",
        "month": "January | February | March | April | May | June | July | August | September | October | November | December",
        "weekday": "Monday | Tuesday | Wednesday | Thursday | Friday | Saturday | Sunday",
        "language": "Spanish | Norwegian | Mandarin | Arabic | Italian | Polish | Turkish | Hindi | Korean | French | Welsh | Greek | Japanese | "
        "German | Swahili | Dutch | Portuguese | Finnish | Czech | Basque",
        "subject": "biology | economics | art history | chemistry | computer science | law | philosophy | geology | linguistics | nursing | "
        "statistics | architecture | music theory | physics | psychology | marine science | education | robotics",
        "illness": "asthma | migraines | diabetes | hay fever | eczema | high blood pressure | arthritis | anaemia | insomnia | vertigo | "
        "a bad back | tinnitus | reflux | psoriasis | sinusitis",
        "allergen": "peanuts | shellfish | pollen | penicillin | cats | gluten | milk | eggs | soy | bee stings | latex | strawberries | dust mites | "
        "walnuts | sesame | kiwi | wasps | hazelnuts",
        "animal": "otter | red panda | owl | whale | fox | penguin | octopus | hedgehog | sloth | heron | wolf | badger | seal | elephant | crow | bat",
        "plant": "monstera | basil | cactus | lavender | ficus | orchid | fern | aloe vera | tomato plant | rosemary | peace lily | bonsai | "
        "sunflower | hydrangea | rubber plant | lemon tree",
        "event": "wedding | marathon | housewarming | graduation | reunion | conference | baptism | school play | book fair | charity run | "
        "birthday party | exhibition | recital | camping trip | festival",
        "thing": "kettle | tent | laptop | bicycle | camera | blender | armchair | telescope | sewing machine | record player | backpack | scooter | "
        "umbrella | toaster | headphones | printer | drone | suitcase | watch | lamp | vacuum cleaner | sofa | keyboard | coffee machine",
        "clothing": "raincoat | wool jumper | denim jacket | running shoes | silk scarf | leather boots | linen shirt | corduroy trousers | "
        "green parka | sandals | tuxedo | beanie | dungarees | cardigan",
        "room": "kitchen | bedroom | attic | bathroom | living room | hallway | garage | study | cellar | balcony | guest room | pantry",
        "size": "small | medium | large | extra large | size 38 | size 40 | size 42 | size 44 | size 10 | size 12 | extra small",
        "game": "Catan | chess | Scrabble | backgammon | Carcassonne | Mario Kart | Tetris | poker | dominoes | Go | Monopoly | Stardew Valley",
    }.items()
}

_SHOP_TAILS = ["Bakery", "Market", "Books", "Corner Shop", "Deli", "Hardware", "Garden Centre", "Records", "Outlet", "Stores"]
_FOOD_TAILS = ["Kitchen", "Bistro", "Grill", "Noodle Bar", "Cafe", "Tavern", "Trattoria", "Diner", "Canteen", "Inn"]
_FIRM_TAILS = ["Logistics", "Labs", "Insurance", "Systems", "Foods", "Bank", "Media", "Studios", "Energy", "Partners", "Design", "Clinic"]
_SCHOOL_TAILS = ["College", "University", "School", "Academy", "Institute", "High School"]
_PLACE_TAILS = ["", "", "", " Bay", " Hill", " Valley", " Island", " Park", " Lake", " Village", " Forest"]
_STREET_TAILS = ["Street", "Road", "Lane", "Avenue", "Close", "Square", "Way"]
_TITLE_HEADS = "Silent Broken Golden Last Paper Crimson Midnight Hollow Electric Wandering Frozen Little Second Distant Velvet Salt".split()
_TITLE_NOUNS = (
    "Harbour Garden Letters Lantern River Orchard Clock Sparrow Mountain Kitchen Machine Summer Island Mirror Train Winter".split()
)
_TEAM_TAILS = ["Rovers", "United", "Hawks", "Wolves", "Rangers", "Comets", "Lions", "Athletic", "Otters"]


def made_up(rng: Random, syllables: int | None = None) -> str:
    """A pronounceable word that stands in no list, capitalised."""
    count = syllables or rng.choice((1, 2, 2, 2, 3))
    word = "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(count)) + rng.choice(_CODAS)
    return word.capitalize() if len(word) > 2 else made_up(rng, 2)


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _pick(rng: Random, key: str) -> str:
    return rng.choice(LISTS[key])


def _mostly_made_up(key: str, share: float = 0.6) -> Callable[[Random], str]:
    return lambda rng: made_up(rng) if rng.random() < share else _pick(rng, key)


def _title(rng: Random) -> str:
    form = rng.randrange(5)
    head, noun, name = rng.choice(_TITLE_HEADS), rng.choice(_TITLE_NOUNS), made_up(rng)
    forms = (f"The {head} {noun}", f"{head} {noun}", f"{noun} of {name}", f"{name}", f"The {noun} in {name}")
    return forms[form]


def _code(rng: Random) -> str:
    letter = rng.choice("ABCDEFGHJKLMNPRSTUVWXZ")
    forms = (f"{letter}{rng.randint(1, 9)}-{rng.randint(10, 999)}", f"{rng.randint(1000, 9999)}", f"{letter}{rng.randint(10, 999)}")
    return rng.choice(forms)


def _time(rng: Random) -> str:
    hour, minute = rng.randint(1, 12), rng.choice(("00", "15", "30", "45", "10", "20", "05", "40"))
    return rng.choice((f"{hour}:{minute}", f"{hour}:{minute}", f"{hour} am", f"{hour} pm", f"{hour + 8}:{minute}"))


def _money(rng: Random) -> str:
    amount = rng.choice((rng.randint(5, 99), rng.randint(100, 999), rng.randint(10, 49) * 50))
    return rng.choice((f"${amount}", f"{amount} euros", f"{amount} pounds", f"${amount}", f"{amount} dollars"))


def _date(rng: Random) -> str:
    day, month = rng.randint(1, 28), _pick(rng, "month")
    return f"{day} {month}" if rng.random() < 0.75 else f"{month} {day}"


def _with_tail(tails: list[str]) -> Callable[[Random], str]:
    return lambda rng: f"{made_up(rng)} {rng.choice(tails)}"


MAKERS: dict[str, Callable[[Random], str]] = {
    "name": _mostly_made_up("real_name", 0.5),
    "surname": lambda rng: made_up(rng, 2) + rng.choice(("", "", "son", "berg", "man", "ley")),
    "pet_name": _mostly_made_up("real_pet_name"),
    "city": _mostly_made_up("real_city", 0.5),
    "place": lambda rng: made_up(rng) + rng.choice(_PLACE_TAILS),
    "street": lambda rng: f"{rng.randint(1, 120)} {made_up(rng)} {rng.choice(_STREET_TAILS)}",
    "a_job": lambda rng: _a(_pick(rng, "job")),
    "a_thing": lambda rng: _a(_pick(rng, "thing")),
    "company": _with_tail(_FIRM_TAILS),
    "band": lambda rng: rng.choice((f"The {made_up(rng)}s", made_up(rng), _title(rng))),
    "song": _title,
    "book": _title,
    "film": _title,
    "number": lambda rng: str(rng.randint(2, 40)),
    "big_number": lambda rng: str(rng.randint(100, 9999)),
    "age": lambda rng: str(rng.randint(2, 91)),
    "year": lambda rng: str(rng.randint(1950, 2026)),
    "money": _money,
    "date": _date,
    "time": _time,
    "duration": lambda rng: rng.choice(
        (f"{rng.randint(2, 12) * 5} minutes", f"{rng.randint(2, 9)} hours", "half an hour", f"{rng.randint(2, 9)} weeks")
    ),
    "years": lambda rng: f"{rng.randint(2, 30)} years",
    "distance": lambda rng: f"{rng.randint(2, 60)} {rng.choice(('km', 'km', 'miles'))}",
    "school": _with_tail(_SCHOOL_TAILS),
    "medicine": lambda rng: made_up(rng, 2) + rng.choice(("in", "ol", "ex", "am", "ine")),
    "shop": _with_tail(_SHOP_TAILS),
    "restaurant": lambda rng: rng.choice(
        (f"{made_up(rng)} {rng.choice(_FOOD_TAILS)}", f"the {rng.choice(_TITLE_HEADS)} {rng.choice(_TITLE_NOUNS)}", made_up(rng))
    ),
    "team": lambda rng: rng.choice((f"the {made_up(rng)} {rng.choice(_TEAM_TAILS)}", f"{made_up(rng)} {rng.choice(_TEAM_TAILS)}")),
    "brand": lambda rng: made_up(rng),
    "word": lambda rng: made_up(rng).lower(),
    "code": _code,
}
MAKERS.update({key: partial(_pick, key=key) for key in LISTS if key not in MAKERS and not key.startswith("real_")})


def make_value(kind: str, rng: Random, own_lists: dict[str, list[str]] | None = None) -> str:
    """A value of slot type `kind`; `own_lists` are the lists that a bank file defines itself."""
    if own_lists and kind in own_lists:
        return rng.choice(own_lists[kind])
    if kind not in MAKERS:
        raise KeyError(f"unknown slot type {kind!r}: use one of {', '.join(sorted(MAKERS))} or define `list {kind} = ...`")
    return MAKERS[kind](rng)
