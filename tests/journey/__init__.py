"""The main job, walked from outside: forms of the portal and admin, the API by an OAuth 2.0 client, a real receiver."""
