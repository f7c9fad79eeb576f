"""What reading a notice tells: its points, its languages side by side, how it reads and how it persuades."""
