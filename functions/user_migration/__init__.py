"""The way in for people whose passwords live with the platform: at the first login here, Cognito asks, and we ask the platform."""
