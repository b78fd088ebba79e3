"""The commands as tools for assistants: an MCP server over stdio, whose answers are small enough to be read."""
