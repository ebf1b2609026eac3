"""What each rule does, in one sentence; docs/policy.md and the plan's page say the same ones."""

from __future__ import annotations

SUMMARIES = {
    "auto": "Refreshes as hazard advises, but spends only 5 % of what doing nothing costs, what "
    "was saved, and a first write a week.",
    "ski": "Refreshes, in one silence, until the refreshes have cost as much as the miss they "
    "avoid.",
    "hazard": "Learns how long this prefix's silences last, and refreshes while that is likely to "
    "pay.",
    "always": "Refreshes without end, so that every first request hits, at any price.",
    "never": "Refreshes nothing.",
}
