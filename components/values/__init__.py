"""What a person describes, as checked values."""
