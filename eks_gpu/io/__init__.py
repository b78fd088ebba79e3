"""Files are read with the line of each key, problems are reported, tables are printed."""
