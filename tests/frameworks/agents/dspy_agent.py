"""DSPy: a predictor by way of LiteLLM, whose option marks its prompt.

Where an answer cannot be parsed, DSPy asks again with another adapter: that is a second prompt.
"""

from __future__ import annotations

import dspy
from shop import MODEL, PROMPT, QUESTIONS


class Help(dspy.Signature):
    """Replaced by the shop's prompt."""

    question: str = dspy.InputField()
    answer: str = dspy.OutputField()


model = dspy.LM(
    f"anthropic/{MODEL}",
    cache=False,
    cache_control_injection_points=[{"location": "message", "role": "system"}],
)
dspy.configure(lm=model)
predict = dspy.Predict(Help.with_instructions(PROMPT))
for question in QUESTIONS:
    print(predict(question=question))
