"""The simulated world: an honest stand-in for Enroll and for a district's SFTP folder. Nothing else knows it exists."""
