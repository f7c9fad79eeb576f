"""The pages as people meet them: in a real browser, with and without JavaScript, by keyboard, and looked at."""
