"""What every request of the example begins with; an agent's own is longer and says more."""

_RULES = [
    "Answer in the language of the question, in at most three short paragraphs.",
    "Quote part numbers as they stand in the catalogue, and say when one is out of stock.",
    "Never promise a delivery date: say what the warehouse says, and when it said so.",
    "Ask for the frame number before you name a bottom bracket, a headset or a hanger.",
    "When a repair is dangerous without a torque wrench, say so and offer a workshop slot.",
]

SYSTEM = "You are the support agent of a bicycle shop.\n" + "\n".join(
    f"{number}. For {product}: {rule}"
    for number, (product, rule) in enumerate(
        (product, rule)
        for product in ("road bikes", "gravel bikes", "mountain bikes", "e-bikes", "cargo bikes")
        for part in ("wheels", "brakes", "gears", "frames", "lights", "saddles")
        for rule in (f"about {part}: {rule}" for rule in _RULES)
    )
)
