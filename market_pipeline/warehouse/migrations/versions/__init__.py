"""How the warehouse's tables came to be, one revision after another."""
