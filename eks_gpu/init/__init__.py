"""Init: five answers become the settings of a stack that plans green, and a small project where there is none."""
