"""The web face: webhooks, goals, health and metrics over HTTP, in the daemon's own process."""
