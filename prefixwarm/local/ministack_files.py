"""Files that a running MiniStack and its starter exchange, in its own folder."""

# The seconds that its clock is ahead, and a line for each resource without effect here.
AHEAD, STAND_INS = "seconds-ahead", "stand-ins"
