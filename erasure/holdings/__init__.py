"""What rights requests hold about people: each class exports, erases and keeps, side by side."""
