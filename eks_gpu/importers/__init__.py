"""Other formats to the settings of this project's own program, with a finding for whatever is lost, wrong or outdated.

One reader a format takes a document apart, field by field, into the model; `settings` writes what the model says.
"""
