"""The measurements, one module for each promised figure."""
