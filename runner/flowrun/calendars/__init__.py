"""Time as people reckon it: durations, zones, and the hours and days on which a calendar is open."""
