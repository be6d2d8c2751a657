"""The dashboard: pages for people, over the same calls as the HTTP API."""
