"""Import: files of other tools become settings, with a finding for everything that is lost, wrong or outdated.

One reader a format takes a document apart, field by field, into the model; `settings` writes what the model says.
"""
