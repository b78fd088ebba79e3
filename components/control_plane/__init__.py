"""The parts of a cluster that are not nodes: settings, add-ons, Auto Mode."""
