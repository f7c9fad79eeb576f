from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("subjects", "0001_initial")]

    operations = [
        migrations.AlterField(
            model_name="subject", name="language", field=models.CharField(blank=True, default="", max_length=35)
        ),
    ]
