"""Mails administrators a weekly count of the grassroots classes that are left, by school (M17)."""
