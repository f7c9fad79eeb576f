"""The pages of accounts: signing up, in and out, the second factor, a lost password, security."""
