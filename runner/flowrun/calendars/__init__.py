"""Time as people reckon it: durations, zones, and later the hours that a calendar is open."""
