"""Programs that the service is compared with: a bare WSGI callable, a Flask greeting."""
