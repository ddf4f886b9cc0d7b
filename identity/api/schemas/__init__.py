"""The fields of requests and responses of the native dialect."""
