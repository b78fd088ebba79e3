"""What AWS says now, asked read only with the credentials of whoever runs the command."""
