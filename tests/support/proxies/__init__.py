"""Real proxies before a service, as deploy/forward-auth/ configures them."""
