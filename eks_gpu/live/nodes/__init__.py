"""Why a node is there: what keeps it, by its controller's own rules, and when it goes."""
