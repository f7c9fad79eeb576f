from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("access", "0003_sessions"), ("erasure", "0010_mandate_four_eyes")]

    operations = [
        migrations.AddField(
            model_name="rightsrequest",
            name="also_asked_by",
            field=models.ManyToManyField(related_name="+", to="access.application"),
        ),
    ]
