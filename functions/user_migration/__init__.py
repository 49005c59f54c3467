"""Migrates users whose passwords live with the platform.

At the first login, Cognito asks this function, and it asks the platform.
"""
