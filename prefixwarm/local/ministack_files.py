"""Files by which a running MiniStack and whoever started it talk; in its own folder."""

# Seconds that its clock is ahead, and a line for each resource that only exists.
AHEAD, STAND_INS = "seconds-ahead", "stand-ins"
