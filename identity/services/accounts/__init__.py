"""What people do with their own account: register, change it, prove an email, get back in."""
