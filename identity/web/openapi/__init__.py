"""The OpenAPI documents, written by the routes themselves."""
