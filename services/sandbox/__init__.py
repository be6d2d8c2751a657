"""The simulated world: it stands in for Enroll, and a district's SFTP folder and SIS. Nothing else knows it exists."""
