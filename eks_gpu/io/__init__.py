"""Files in, answers out: documents with the line of each key, problems, tables."""
