"""A plan as one HTML page that needs no network. What it is drawn with is the extra `report`."""
