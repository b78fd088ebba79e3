"""Other tools' files are turned into settings, with a finding for what is lost, wrong or outdated.

One reader a format takes a document apart, field by field, into the model; `settings` writes what the model says.
"""
