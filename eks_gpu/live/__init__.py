"""Current data from AWS, read only, with the credentials of the user who runs the command."""
