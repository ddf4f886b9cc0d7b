"""The application for any WSGI server: `gunicorn wsgi:app`, `granian --interface wsgi wsgi:app`."""

from config import Config
from identity import create_app

app = create_app(Config)
